//! Cached methods: what of `self` identifies a value has to be said, and errors are not kept.

use larder::cached;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
struct Unknown(String);

/// A shop of one tenant; cheap to clone, so that work in the background can keep one.
#[derive(Clone)]
struct Shop {
    tenant: u32,
    goods: Arc<[(&'static str, u32)]>,
}

impl Shop {
    /// Two tenants have two prices; two shops of one tenant share theirs.
    #[cached(ttl = "5m", key = (self.tenant, name), skip(self = clone))]
    fn price(&self, name: &str) -> Result<u32, Unknown> {
        let good = self.goods.iter().find(|(known, _)| *known == name);
        good.map(|(_, price)| price * self.tenant).ok_or_else(|| Unknown(name.to_owned()))
    }

    /// The same for all shops, so `self` is no part of the key.
    #[cached(skip(self))]
    fn is_weekend(&self, day: u32) -> bool {
        day % 7 >= 5
    }

    /// A function of the type, without `self`: its companion is a function, too.
    #[cached(companion = fn)]
    fn rounded(price: u32) -> u32 {
        price.next_multiple_of(50)
    }
}

fn main() {
    let goods: Arc<[_]> = [("bread", 250), ("milk", 120)].into();
    let (one, two) = (Shop { tenant: 1, goods: goods.clone() }, Shop { tenant: 2, goods });

    assert_eq!((one.price("bread"), two.price("bread")), (Ok(250), Ok(500)));
    assert_eq!(one.price_entry("bread").peek(), Some(250)); // companions speak of what is inside `Ok`

    assert!(one.price("salt").is_err());
    assert_eq!(one.price_entry("salt").peek(), None); // an error is not kept

    one.price_entry("milk").put(99);
    assert_eq!((one.price("milk"), two.price("milk")), (Ok(99), Ok(240)));
    assert_eq!(one.price_entry("milk").refresh(), Ok(120));
    assert_eq!(two.price_entry("bread").future().wait(), Ok(500)); // in the background, with a clone

    assert_eq!((one.is_weekend(5), two.is_weekend(5)), (true, true));
    assert_eq!((Shop::rounded(120), Shop::rounded_entry(120).peek()), (150, Some(150)));
    print!("{}", larder::report());
}
