//! How long copies are believed, how many are kept, and which go first.

use cache_core::{Error, Result, text};
use std::ops::BitOr;
use std::time::Duration;

/// How long a copy is believed: `Ttl("60s")`, or a `Duration`. Then the remote is asked whether it has changed.
///
/// ```
/// use cache_stores::{Policy, Ttl};
/// use std::time::Duration;
///
/// assert_eq!(Policy::from(Ttl("1m30s")), Policy::from(Ttl(Duration::from_secs(90))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl<T = Duration>(pub T);

/// At most so many objects; the one that came first goes first, however often it was read.
///
/// ```
/// use cache_stores::{Fifo, Policy};
/// assert_eq!(Policy::from(Fifo(3)).objects(), Some(3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fifo(pub usize);

/// The object that was not read or written for the longest time goes first: the order of [`Size`] and [`Count`]
/// where nothing else is said.
///
/// ```
/// use cache_stores::{Lru, Size};
/// let policy = Lru | Size("10GiB");
/// assert_eq!(policy.bytes(), Some(10 << 30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lru;

/// At most so many objects.
///
/// ```
/// use cache_stores::{Count, Lru};
/// assert_eq!((Count(1000) | Lru).objects(), Some(1000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub usize);

/// At most so many bytes on the local side: `Size("10GiB")`, or a number. What larder writes beside the objects
/// counts too.
///
/// ```
/// use cache_stores::{Policy, Size};
/// assert_eq!(Policy::from(Size("1GiB")), Policy::from(Size(1 << 30)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size<T = u64>(pub T);

/// Which object goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Insertion,
    Use,
}

/// What copies are kept, and for how long they are believed: any of [`Ttl`], [`Fifo`], [`Lru`], [`Count`], [`Size`],
/// joined by `|`. Without a limit everything is kept; without a TTL a copy is believed until it is written,
/// deleted or evicted here.
///
/// ```
/// use cache_stores::{Lru, Policy, Size, Ttl};
/// use std::time::Duration;
///
/// let policy: Policy = Ttl("60s") | Size("10GiB") | Lru;
/// assert_eq!(policy.ttl(), Some(Duration::from_secs(60)));
/// assert_eq!(policy.bytes(), Some(10 << 30));
/// assert!(policy.check().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    ttl: Option<Duration>,
    order: Option<Order>,
    objects: Option<usize>,
    bytes: Option<u64>,
    wrong: Option<String>,
}

impl Policy {
    /// How long a copy is believed.
    ///
    /// ```
    /// assert_eq!(cache_stores::Policy::default().ttl(), None);
    /// ```
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// The most objects that are kept.
    ///
    /// ```
    /// assert_eq!(cache_stores::Policy::default().objects(), None);
    /// ```
    #[must_use]
    pub fn objects(&self) -> Option<usize> {
        self.objects
    }

    /// The most bytes that are kept.
    ///
    /// ```
    /// assert_eq!(cache_stores::Policy::default().bytes(), None);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    pub(crate) fn order(&self) -> Order {
        self.order.unwrap_or(Order::Use)
    }

    /// Whether every part of it can be.
    ///
    /// # Errors
    /// [Invalid](Error::is_invalid): a time or a size that cannot be read, a limit of nothing, or two parts that say
    /// different things; the message says which, and what would be right.
    ///
    /// ```
    /// use cache_stores::{Fifo, Lru, Policy, Ttl};
    ///
    /// let error = Policy::from(Ttl("60 parsecs")).check().unwrap_err();
    /// assert!(error.to_string().contains("unknown unit `parsecs`"));
    /// let error = (Fifo(3) | Lru).check().unwrap_err();
    /// assert!(error.to_string().contains("which object goes first"));
    /// ```
    pub fn check(&self) -> Result<()> {
        match &self.wrong {
            None => Ok(()),
            Some(wrong) => Err(Error::invalid(wrong.clone())),
        }
    }

    fn wrong(what: impl Into<String>) -> Self {
        Policy { wrong: Some(what.into()), ..Policy::default() }
    }

    fn join(mut self, other: Policy) -> Self {
        let mut twice = None;
        if self.order.is_some() && other.order.is_some_and(|order| Some(order) != self.order) {
            twice = Some("which object goes first: write either `Fifo` or `Lru`");
        }
        if self.ttl.is_some() && other.ttl.is_some() {
            twice = Some("how long a copy is believed: write one `Ttl`");
        }
        if self.objects.is_some() && other.objects.is_some() {
            twice = Some("how many objects are kept: write one `Fifo` or `Count`");
        }
        if self.bytes.is_some() && other.bytes.is_some() {
            twice = Some("how many bytes are kept: write one `Size`");
        }
        let twice = twice.map(|what| format!("the policy says twice {what}"));
        self.wrong = self.wrong.or(other.wrong).or(twice);
        self.ttl = self.ttl.or(other.ttl);
        self.order = self.order.or(other.order);
        self.objects = self.objects.or(other.objects);
        self.bytes = self.bytes.or(other.bytes);
        self
    }
}

impl From<Ttl<Duration>> for Policy {
    fn from(Ttl(ttl): Ttl<Duration>) -> Self {
        match ttl.is_zero() {
            false => Policy { ttl: Some(ttl), ..Policy::default() },
            true => Policy::wrong("a TTL of zero keeps nothing: use the remote store alone"),
        }
    }
}

impl From<Ttl<&str>> for Policy {
    fn from(Ttl(words): Ttl<&str>) -> Self {
        match text::parse(words) {
            Ok(amount) if !amount.negative => Ttl(Duration::from_nanos(amount.nanos)).into(),
            Ok(_) => Policy::wrong(format!("the TTL \"{words}\" is below zero: {}", text::FORMS)),
            Err(why) => Policy::wrong(format!("the TTL of the policy: {why}")),
        }
    }
}

impl From<Fifo> for Policy {
    fn from(Fifo(objects): Fifo) -> Self {
        Policy { order: Some(Order::Insertion), ..Count(objects).into() }
    }
}

impl From<Count> for Policy {
    fn from(Count(objects): Count) -> Self {
        match objects {
            0 => Policy::wrong("a limit of 0 objects keeps nothing: use the remote store alone"),
            _ => Policy { objects: Some(objects), ..Policy::default() },
        }
    }
}

impl From<Lru> for Policy {
    fn from(_: Lru) -> Self {
        Policy { order: Some(Order::Use), ..Policy::default() }
    }
}

impl From<Size<u64>> for Policy {
    fn from(Size(bytes): Size<u64>) -> Self {
        match bytes {
            0 => Policy::wrong("a limit of 0 bytes keeps nothing: use the remote store alone"),
            _ => Policy { bytes: Some(bytes), ..Policy::default() },
        }
    }
}

impl From<Size<&str>> for Policy {
    fn from(Size(words): Size<&str>) -> Self {
        match text::bytes(words) {
            Ok(bytes) => Size(bytes).into(),
            Err(right) => Policy::wrong(format!("not a size: \"{words}\"; right is {right}")),
        }
    }
}

macro_rules! joined {
    ($($part:ty),*) => {$(
        impl<P: Into<Policy>> BitOr<P> for $part {
            type Output = Policy;
            fn bitor(self, other: P) -> Policy {
                Policy::from(self).join(other.into())
            }
        }
    )*};
}

joined!(Ttl<Duration>, Ttl<&str>, Fifo, Count, Lru, Size<u64>, Size<&str>, Policy);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_join_in_any_order() {
        let one = Ttl("60s") | Size("10GiB") | Lru;
        let other = Lru | (Size(10_u64 << 30) | Ttl(Duration::from_secs(60)));
        assert_eq!(one, other);
        assert_eq!(one.order(), Order::Use);
        assert_eq!((Fifo(2) | Ttl("1h")).order(), Order::Insertion);
        assert_eq!(Policy::from(Count(2)).order(), Order::Use);
    }

    #[test]
    fn what_cannot_be_is_said_with_its_value() {
        for (policy, part) in [
            (Policy::from(Size("ten")), "not a size: \"ten\""),
            (Size(0_u64).into(), "0 bytes"),
            (Fifo(0).into(), "0 objects"),
            (Ttl("0s").into(), "zero"),
            (Ttl("-5s").into(), "\"-5s\" is below zero"),
            (Ttl("1m") | Ttl("2m"), "write one `Ttl`"),
            (Fifo(3) | Count(3), "write one `Fifo` or `Count`"),
            (Size("1GiB") | Lru | Size("2GiB"), "write one `Size`"),
            (Lru | Ttl("soon"), "\"soon\""),
        ] {
            let error = policy.check().expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
