package replay

import (
	"math"
	"math/rand/v2"
)

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logSum(logs []float64) float64 {
	most := logs[0]
	for _, l := range logs {
		most = max(most, l)
	}
	total := 0.0
	for _, l := range logs {
		total += math.Exp(l - most)
	}
	return most + math.Log(total)
}

func normalise(logs []float64) {
	total := logSum(logs)
	for i, l := range logs {
		logs[i] = math.Exp(l - total)
	}
}

// digamma by recurrence and the asymptotic series.
func digamma(x float64) (d float64) {
	for x < 6 {
		d -= 1 / x
		x++
	}
	f := 1 / (x * x)
	return d + math.Log(x) - 0.5/x - f*(1./12-f*(1./120-f*(1./252-f*(1./240-f/132))))
}

// noise returns shares drawn evenly from all that add up to 1.
func noise(n int, rng *rand.Rand) []float64 {
	shares := make([]float64, n)
	for i := range shares {
		shares[i] = rng.ExpFloat64()
	}
	total := sum(shares)
	for i := range shares {
		shares[i] /= total
	}
	return shares
}
