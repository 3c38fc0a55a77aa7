// Package sim holds the simulator of payouts: the real area of the server, on a
// real database, against the fake of Paystack, driven by a seed through requests,
// approvals, crashes, faults, webhook chaos, settlements of the balance and
// restored backups. It decides nothing; it is tests only. They refuse a run in
// which anybody is paid twice, money is lost, or a payout does not come to an end
// once the faults are over.
//
// A failing seed is printed and replays:
//
//	go test ./internal/payout/sim -run '^TestSimulator$' -args -seeds 1 -seed-start 4711
package sim
