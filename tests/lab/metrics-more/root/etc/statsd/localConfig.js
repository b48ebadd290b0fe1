{
  graphitePort: 2004
, graphiteHost: "graphite.abroad.example"
, port: 8125
, repeater: [ { host: "192.0.2.81", port: 8126 } ]
}
