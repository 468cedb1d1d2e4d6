//! A loop that must never block: it draws what is at hand, and the rest appears when it is ready.

use larder::cached;
use std::time::{Duration, Instant};

const SIZE: (usize, usize) = (8, 4);

/// How many points of a tile stay in the Mandelbrot set: milliseconds of work, where many do.
#[cached(ttl = "10m")]
fn tile(x: usize, y: usize) -> usize {
    let part =
        |tile: usize, point: usize, tiles: usize| (64 * tile + point) as f64 / (64 * tiles) as f64;
    let stays = |at: &usize| {
        let a = 3.0 * part(x, at % 64, SIZE.0) - 2.1;
        let b = 2.4 * part(y, at / 64, SIZE.1) - 1.2;
        let (mut re, mut im) = (0.0, 0.0);
        (0..10_000).all(|_| {
            (re, im) = (re * re - im * im + a, 2.0 * re * im + b);
            re * re + im * im < 4.0
        })
    };
    (0..64 * 64).filter(stays).count()
}

/// One picture of what there is.
fn draw() -> String {
    let mut picture = String::new();
    for y in 0..SIZE.1 {
        for x in 0..SIZE.0 {
            // `lazy` answers at once, and begins what is missing in the background.
            picture.push(match tile::lazy(x, y) {
                None => '?',
                Some(points) => [' ', '.', ':', '+', '#'][points.div_ceil(1024).min(4)],
            });
        }
        picture.push('\n');
    }
    picture
}

fn main() {
    let mut longest = Duration::ZERO;
    for frame in 1.. {
        let began = Instant::now();
        let picture = draw();
        longest = longest.max(began.elapsed());
        let whole = !picture.contains('?');
        if whole || frame % 16 == 1 {
            println!("frame {frame}\n{picture}");
        }
        if whole {
            break;
        }
        std::thread::sleep(Duration::from_millis(16)); // the next frame is due
    }
    assert_eq!(tile::peek(0, 0), Some(tile(0, 0))); // `peek` would not even begin anything
    println!("longest frame {longest:.0?}, computing {:.0?}", tile::stats().computing);
}
