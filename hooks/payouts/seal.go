package payouts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// What is derived from the pepper for the bodies of webhooks, and nothing else.
const (
	sealLabel  = "lingualink webhook body v1"
	sealIDSize = 4 // bytes of the key's name
)

// errSealed is a body that the present key does not open.
var errSealed = errors.New("payouts: the body was sealed with another key, or for another row")

// sealer keeps a text for whoever has the pepper: AES-256-GCM, bound to the row
// that it is stored in. What comes out begins with the name of the key. Without
// a pepper there is nothing to seal with, and nothing is kept.
type sealer struct {
	name string
	aead cipher.AEAD // nil without a pepper
}

func newSealer(pepper string) (sealer, error) {
	if pepper == "" {
		return sealer{}, nil
	}
	material, err := hkdf.Key(sha256.New, []byte(pepper), nil, sealLabel, 32+sealIDSize)
	if err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{name: hex.EncodeToString(material[32:]), aead: aead}, err
}

// seal encrypts a body for a row; empty without a pepper.
func (s sealer) seal(row string, body []byte) string {
	if s.aead == nil {
		return ""
	}
	return s.name + "." + base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, body, []byte(row)))
}

// open gives the body back that was sealed for this row.
func (s sealer) open(row, sealed string) ([]byte, error) {
	name, encoded, _ := strings.Cut(sealed, ".")
	if s.aead == nil || name != s.name {
		return nil, errSealed
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errSealed
	}
	body, err := s.aead.Open(nil, nil, raw, []byte(row))
	if err != nil {
		return nil, errSealed
	}
	return body, nil
}
