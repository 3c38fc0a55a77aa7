package consensus

// The queries of the queue, for their plans.
const (
	WalkQuery    = walkQuery
	ExpiredQuery = expiredQuery
	HeldQuery    = heldQuery
	DueQuery     = dueQuery
	RivalsQuery  = rivalsQuery
	OverdueSQL   = overdueSQL
)

var (
	ClosedSQL   = closedSQL
	JudgeQuery  = judgeQuery
	PassedQuery = passedQuery
)

// HandOutBy is HandOut with the given randomness.
var HandOutBy = handOut

// ComeBack is what counted votes do to the queue.
var ComeBack = comeBack
