package consensus

// NextQuery is the query of the queue, for its plan.
var NextQuery = nextQuery
