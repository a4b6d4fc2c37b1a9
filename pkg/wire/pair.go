package wire

// PairPath is the route for pairing. It asks for no token: it is where players
// get one.
const PairPath = "/api/pair"

// PairRequest asks for a token by the secret of an address for pairing. But for
// Name and Proof it is a KeyRequest of protocol v2.
type PairRequest struct {
	Protocol  string   `json:"protocol"`           // ProtocolV2
	PublicKey string   `json:"publicKey"`          // base64, 32 bytes
	MLKEM     string   `json:"mlkemKey,omitempty"` // base64
	Suites    []string `json:"suites"`
	Name      string   `json:"name"`  // what the player calls itself, see PairName
	Proof     string   `json:"proof"` // base64, 32 bytes: handshake.PairProof
}

// Paired is the manifest of the answer to a PairRequest, which is a SealedAnswer.
type Paired struct {
	Version int    `json:"version"` // ManifestVersion
	Token   string `json:"token"`
}

// MaxName is the most bytes of a PairName.
const MaxName = 64

// PairName says whether a player may call itself that: 1 to MaxName letters,
// digits, dots, underlines and hyphens.
func PairName(name string) bool {
	for _, c := range []byte(name) {
		if !nameByte(c) {
			return false
		}
	}
	return name != "" && len(name) <= MaxName
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}
