// Values as YAML, by the writer that Okse brings: members sorted, texts quoted only where they must be.
local write = std.native('okse.yaml');
{
  document(value): write(std.toString(value)),
  stream(values): std.join('', ['---\n' + self.document(value) for value in values]),
}
