package harness

import (
	"time"

	"github.com/lingualink/lingualink/demo"
)

// voiceLength passes every limit of a voice clip and is quickly sent.
const voiceLength = 1200 * time.Millisecond

// Voice is a short wav file of a made-up voice. The same seed gives the same
// bytes, another one others, and none is silent.
func Voice(seed uint64) []byte { return demo.Voice(seed, voiceLength) }
