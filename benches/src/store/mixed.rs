//! `mixed`: four linearizable reads to one put, 1000 clients over gRPC.

use super::Failure;
use super::bench::{Bench, CLIENTS, KEYS, load};
use super::put::Puts;
use super::range::Reads;
use super::wire::{Call, Requests, VALUE_BYTES};

struct Mixed {
    reads: Reads,
    puts: Puts,
    turn: usize,
}

impl Requests for Mixed {
    fn next(&mut self, client: usize, message: &mut Vec<u8>) -> Call {
        self.turn += 1;
        match self.turn % 5 {
            0 => Call { class: 1, ..self.puts.next(client, message) },
            _ => self.reads.next(client, message),
        }
    }
}

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Failure> {
    let sides = bench.sides(1).await?;
    for side in &sides {
        load(side.leader, KEYS, VALUE_BYTES).await?;
    }
    let figure = format!("80 % range, 20 % put, gRPC, {CLIENTS} clients, 1 member");
    for _ in 0..bench.options.rounds {
        for side in &sides {
            bench.say(&format!("{figure}: {}", side.name));
            let mixed = |connection| Mixed {
                reads: Reads::new(connection),
                puts: Puts::new(connection),
                turn: connection,
            };
            let drive = bench.drive(CLIENTS);
            let sample = drive.run(&side.servers, side.leader, &bench.clock, mixed).await?;
            bench.add_sample(&figure, side, &sample, &[], &[]);
            let p99 = sample.seen.quantile(1, 0.99) / 1e3;
            bench.add(format!("{figure}: p99 of puts"), "ms", &[], &side.name, p99);
        }
    }
    Ok(())
}
