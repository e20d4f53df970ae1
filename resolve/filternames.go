package resolve

// filterNames lists the filters of the grammar, in the order in which they are
// shown. It is a table and never changed.
var filterNames = []string{
	"base64", "base64url", "base64d", "base64urld", "hex", "hexd", "urlquery", "json",
	"shell", "dotenv", "trim", "chomp", "pem", "oneline", "sha256",
}
