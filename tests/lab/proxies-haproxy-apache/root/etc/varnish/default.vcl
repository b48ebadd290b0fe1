vcl 4.1;
backend default {
    .host = "back.abroad.example";
    .port = "8080";
}
backend two { .host = "192.0.2.9"; }
acl purge { "203.0.113.3"; }
sub vcl_recv { if (req.url ~ "^/x{2}") { return (pass); } }
