package consensus

// The parts that hand out and end controls, and the word of an expert.
var (
	NextControl   = nextControl
	ControlQuery  = controlQuery
	SeenQuery     = seenQuery
	SweepControls = sweepControls
	OverruleAny   = overrule
)
