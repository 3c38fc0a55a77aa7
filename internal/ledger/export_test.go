package ledger

// InputBytes and ChainBytes are what the two hashes are taken of.
func InputBytes(tx Tx) []byte    { return tx.appendInput(newEncoding(inputFormat)) }
func ChainBytes(p Posted) []byte { return p.appendChain(newEncoding(chainFormat)) }
