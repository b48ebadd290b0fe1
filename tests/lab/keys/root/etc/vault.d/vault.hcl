ui = true
api_addr      = "https://vault.example:8200"
cluster_addr  = "https://192.0.2.31:8201"
listener "tcp" {
  address       = "192.0.2.31:8200"
  tls_cert_file = "/x.crt"
}
storage "raft" {
  path = "/var/lib/vault"
  retry_join {
    leader_api_addr = "https://vault-b.abroad.example:8200"
  }
}
# seal "transit" { address = "https://off.abroad.example" }
seal "awskms" {
  region     = "us-east-1"
  kms_key_id = "alias/x"
}
telemetry { statsd_address = "statsd.abroad.example:8125" }
