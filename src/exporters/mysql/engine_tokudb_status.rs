//! TokuDB's counters, from `SHOW ENGINE TOKUDB STATUS`: MariaDB up to 10.5 and Percona Server 5.7.

use super::server::Server;
use super::value::{parse, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const STATUS: Metric = Metric::untyped(
    "mysql_engine_tokudb_",
    "A line of SHOW ENGINE TOKUDB STATUS, as the server names it.",
)
.open();

pub(super) const COLLECTOR: Collector =
    Collector::new("engine_tokudb_status", &[STATUS], Collect::Own(collect)).since(5, 6);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        for row in server.rows("SHOW ENGINE TOKUDB STATUS").await? {
            if let Some(value) = parse(&text(&row, 2)) {
                let name = name(&text(&row, 1));
                out.put_dynamic(&name, STATUS.kind, STATUS.help, [], value);
            }
        }
        Ok(())
    })
}

/// `cachetable: size currently cloned data (bytes)` as part of a metric's name.
fn name(line: &str) -> String {
    let mut name = String::from(STATUS.name);
    for c in line.to_lowercase().chars() {
        match c {
            '>' | ',' | ':' | '(' | ')' => {}
            '+' | '/' => name.push_str("and"),
            c if c.is_ascii_alphanumeric() => name.push(c),
            _ => name.push('_'),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_names() {
        assert_eq!(
            name("ft: uncompressed / compressed bytes read (>64k)"),
            "mysql_engine_tokudb_ft_uncompressed_and_compressed_bytes_read_64k"
        );
    }
}
