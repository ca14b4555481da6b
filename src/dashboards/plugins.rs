//! Plugins that no longer load: they were made with AngularJS, which Grafana switched off with version
//! 11 and took out with version 12. From the list in Grafana's documentation; left out are those that
//! have a newer version without it, and those whose makers said that one is to come.

/// A plugin that no longer loads.
#[derive(Clone, Copy, Debug)]
pub struct Dead {
    /// Its id.
    pub id: &'static str,
    /// What does the same today; empty where nothing is known.
    pub instead: &'static str,
    /// Whether Grafana shows the panel that stands in `instead` by itself.
    pub migrates: bool,
}

const fn dead(id: &'static str, instead: &'static str) -> Dead {
    Dead { id, instead, migrates: false }
}

const fn migrates(id: &'static str, instead: &'static str) -> Dead {
    Dead { id, instead, migrates: true }
}

/// The major version of Grafana that switched AngularJS off.
pub const OFF_SINCE: u32 = 11;
/// The major version of Grafana that no longer has it.
pub const GONE_SINCE: u32 = 12;

/// By id.
const DEAD: &[Dead] = &[
    dead("abhisant-druid-datasource", "grafadruid-druid-datasource"),
    dead("agenty-flowcharting-panel", "canvas"),
    dead("aidanmountford-html-panel", "text"),
    dead("akumuli-datasource", ""),
    dead("alexandra-trackmap-panel", "geomap"),
    dead("andig-darksky-datasource", ""),
    dead("aquaqanalytics-kdbadaptor-datasource", "aquaqanalytics-kdbbackend-datasource"),
    dead("ayoungprogrammer-finance-datasource", ""),
    dead("belugacdn-app", ""),
    dead("bessler-pictureit-panel", "larona-epict-panel"),
    dead("blackmirror1-singlestat-math-panel", "stat"),
    dead("blackmirror1-statusbygroup-panel", ""),
    dead("bmchelix-ade-datasource", ""),
    dead("bosun-app", ""),
    dead("citilogics-geoloop-panel", ""),
    dead("cloudflare-app", ""),
    dead("corpglory-progresslist-panel", ""),
    dead("ddurieux-glpi-app", ""),
    dead("devicehive-devicehive-datasource", ""),
    dead("devopsprodigy-kubegraf-app", ""),
    dead("doitintl-bigquery-datasource", "grafana-bigquery-datasource"),
    dead("farski-blendstat-panel", "stat"),
    dead("fastweb-openfalcon-datasource", ""),
    dead("fatcloud-windrose-panel", "operato-windrose-panel"),
    dead("foursquare-clouderamanager-datasource", ""),
    dead("fzakaria-simple-annotations-datasource", ""),
    dead("gnocchixyz-gnocchi-datasource", ""),
    dead("goshposh-metaqueries-datasource", ""),
    dead("grafana-es-open-distro-datasource", "grafana-opensearch-datasource"),
    dead("grafana-kairosdb-datasource", ""),
    migrates("grafana-piechart-panel", "piechart"),
    dead("grafana-simple-json-datasource", "yesoreyeram-infinity-datasource"),
    migrates("grafana-singlestat-panel", "stat"),
    migrates("grafana-worldmap-panel", "geomap"),
    dead("gretamosa-topology-panel", ""),
    dead("hawkular-datasource", ""),
    dead("humio-datasource", ""),
    dead("ibm-apm-datasource", ""),
    dead("jasonlashua-prtg-datasource", ""),
    dead("linksmart-hds-datasource", ""),
    dead("linksmart-sensorthings-datasource", ""),
    dead("marcuscalidus-svg-panel", "canvas"),
    dead("michaeldmoore-annunciator-panel", "stat"),
    dead("michaeldmoore-multistat-panel", "bargauge"),
    dead("monasca-datasource", ""),
    dead("monitoringartist-monitoringart-datasource", ""),
    dead("mtanda-heatmap-epoch-panel", "heatmap"),
    dead("mtanda-histogram-panel", "histogram"),
    dead("mxswat-separator-panel", "text"),
    dead("natel-discrete-panel", "state-timeline"),
    dead("natel-influx-admin-panel", ""),
    dead("natel-plotly-panel", "nline-plotlyjs-panel"),
    dead("natel-usgs-datasource", ""),
    dead("neocat-cal-heatmap-panel", "heatmap"),
    dead("novalabs-annotations-panel", "annolist"),
    dead("ntop-ntopng-datasource", ""),
    dead("opennms-helm-app", "opennms-opennms-app"),
    dead("ovh-warp10-datasource", ""),
    dead("paytm-kapacitor-datasource", ""),
    dead("percona-percona-app", ""),
    dead("petrslavotinek-carpetplot-panel", ""),
    dead("pierosavi-imageit-panel", "larona-epict-panel"),
    dead("pr0ps-trackmap-panel", "geomap"),
    dead("praj-ams-datasource", ""),
    dead("pue-solr-datasource", ""),
    dead("quasardb-datasource", ""),
    dead("rackerlabs-blueflood-datasource", ""),
    dead("radensolutions-netxms-datasource", ""),
    dead("ryantxu-ajax-panel", ""),
    dead("ryantxu-annolist-panel", "annolist"),
    dead("satellogic-3d-globe-panel", "geomap"),
    dead("savantly-heatmap-panel", "heatmap"),
    dead("sbueringer-consul-datasource", ""),
    dead("sidewinder-datasource", ""),
    dead("skydive-datasource", ""),
    dead("smartmakers-trafficlight-panel", "heywesty-trafficlight-panel"),
    dead("snuids-radar-panel", ""),
    dead("snuids-trafficlights-panel", "heywesty-trafficlight-panel"),
    dead("spotify-heroic-datasource", ""),
    dead("stagemonitor-elasticsearch-app", ""),
    dead("tencentcloud-monitor-app", ""),
    dead("udoprog-heroic-datasource", ""),
    dead("vonage-status-panel", "stat"),
    dead("voxter-app", ""),
    dead("yesoreyeram-boomtable-panel", "table"),
    dead("yeya24-chaosmesh-datasource", "chaosmeshorg-datasource"),
    dead("zuburqan-parity-report-panel", ""),
];

/// The plugin of this id, if it no longer loads.
pub fn find(id: &str) -> Option<&'static Dead> {
    DEAD.binary_search_by(|dead| dead.id.cmp(id)).ok().map(|index| &DEAD[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_in_order_and_are_found() {
        assert!(DEAD.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(DEAD.iter().all(|dead| find(dead.id).is_some()));
        assert!(find("grafana-clock-panel").is_none());
    }
}
