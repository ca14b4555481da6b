//! Size of tables, from `information_schema.tables`.

use super::server::{Server, quoted};
use super::settings::Setting;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const VERSION: Metric = Metric::gauge(
    "mysql_info_schema_table_version",
    "Version of a table's format, with its engine and formats.",
)
.with(&["schema", "table", "type", "engine", "row_format", "create_options"]);
const ROWS: Metric =
    Metric::gauge("mysql_info_schema_table_rows", "Rows of a table, as the server estimates.")
        .with(&["schema", "table"]);
const SIZE: Metric = Metric::gauge(
    "mysql_info_schema_table_size",
    "Size of a table's data, of its indexes and of what is free in it, in bytes.",
)
.with(&["schema", "table", "component"]);

const DATABASES: Setting = Setting::text(
    "collect.info_schema.tables.databases",
    "*",
    "Databases whose tables are shown, with commas between them; `*` is all.",
);

pub(super) const COLLECTOR: Collector =
    Collector::new("info_schema.tables", &[VERSION, ROWS, SIZE], Collect::Own(collect))
        .with(&[DATABASES]);

const SQL: &str = "SELECT table_schema, table_name, table_type, IFNULL(engine, 'NONE'), \
                   IFNULL(row_format, 'NONE'), IFNULL(create_options, 'NONE'), version, table_rows, \
                   data_length, index_length, data_free FROM information_schema.tables \
                   WHERE table_schema";

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let settings = server.settings.clone();
        let databases = settings.of(&DATABASES);
        let own = "NOT IN ('mysql', 'performance_schema', 'information_schema', 'sys')";
        let filters: Vec<String> = match databases {
            "*" => vec![own.to_owned()],
            // One query for each: the server looks only at the folder of the one that is named.
            names => names.split(',').map(|name| format!("= {}", quoted(name.trim()))).collect(),
        };
        for filter in filters {
            for row in server.rows(format!("{SQL} {filter}")).await? {
                let words: Vec<String> = (0..6).map(|at| text(&row, at)).collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                out.put(&VERSION, &words, number(&row, 6));
                out.put(&ROWS, &words[..2], number(&row, 7));
                for (at, component) in
                    ["data_length", "index_length", "data_free"].iter().enumerate()
                {
                    out.put(&SIZE, &[words[0], words[1], component], number(&row, 8 + at));
                }
            }
        }
        Ok(())
    })
}
