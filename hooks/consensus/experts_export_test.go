package consensus

// What the experts' tests call as other areas of the package do.
var (
	Escalate         = escalate
	EscalationsQuery = escalationsQuery
	SomebodyLeft     = somebodyLeftQuery
)

const (
	WaitingQuery = waitingQuery
	TimeoutBatch = timeoutBatch
	MaxClaims    = maxClaims
)
