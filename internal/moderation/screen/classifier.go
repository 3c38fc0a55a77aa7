package screen

import "context"

// Opinion is what an outside classifier thinks of a text.
type Opinion struct {
	Action Action // Pass, Flag, Hold or Block
	Labels []string
}

// Classifier asks somebody outside, for example a model, about a text. It is slow
// and may fail, so it is never called within a transaction; its opinion comes on
// top of what the word lists found, by [Stronger], and an error leaves that alone.
type Classifier interface {
	Classify(ctx context.Context, text, language string) (Opinion, error)
}
