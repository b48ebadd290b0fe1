seal "transit" {
  address = "https://transit.abroad.example:8200"
  key_name = "autounseal"
}
seal "azurekeyvault" { vault_name = "hc-vault" }
