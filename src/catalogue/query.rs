//! Names of the metrics that a user's own query makes.

/// Name of the metric that a column of a query becomes: `QUERY_COLUMN`, in small letters.
pub fn query_metric(query: &str, column: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '_' }
    };
    query.chars().chain(['_']).chain(column.chars().map(plain)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_named_behind_its_query() {
        assert_eq!(query_metric("shop_orders", "Max(id)"), "shop_orders_max_id_");
    }
}
