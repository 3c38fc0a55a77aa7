package fault

import (
	"net/http"
	"slices"
	"strings"
)

// catalogue holds every code; [define] fills it while the variables of this
// file are initialised and nothing adds to it afterwards.
var catalogue []*Code

func define(name string, status int, message, remedy string) *Code {
	code := &Code{Name: name, Status: status, Message: message, Remedy: remedy}
	catalogue = append(catalogue, code)
	return code
}

// All returns every code, sorted by name.
func All() []*Code {
	all := slices.Clone(catalogue)
	slices.SortFunc(all, func(a, b *Code) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Requests in general.
var (
	InvalidInput  = define("invalid_input", http.StatusBadRequest, "The value is missing or has the wrong form.", "Correct the named field and send again.")
	ServerField   = define("server_field", http.StatusBadRequest, "This field is set by the server.", "Leave the field out of the request.")
	ServerOwned   = define("server_owned", http.StatusForbidden, "These rows are written by the server only, also for superusers.", "Use the route or command for the act instead of editing rows.")
	NotFound      = define("not_found", http.StatusNotFound, "There is no such thing, or you may not see it.", "Check the id; list again.")
	NotAllowed    = define("not_allowed", http.StatusForbidden, "You may not do this.", "Sign in as somebody who may.")
	SignInNeeded  = define("sign_in_required", http.StatusUnauthorized, "Sign in first.", "Authenticate and send the token.")
	IDConflict    = define("id_conflict", http.StatusConflict, "Another record has this id.", "Make a new random id of 15 characters. Only the very same content may be repeated under its id.")
	KeyConflict   = define("idempotency_conflict", http.StatusConflict, "This key was used for another input.", "Use a new key for a new act, the old key only to repeat the same one.")
	KeyRequired   = define("idempotency_key_required", http.StatusBadRequest, "Send an Idempotency-Key header.", "Make one random key per act and repeat it on retries.")
	RateLimited   = define("rate_limited", http.StatusTooManyRequests, "Too many requests. Wait {{.retry_after}} seconds.", "Wait for Retry-After seconds, then send again.")
	NotConfigured = define("not_configured", http.StatusServiceUnavailable, "This part is switched off on this server.", "The operator switches it on in the configuration: docs/operate.md.")
	EndpointOff   = define("endpoint_closed", http.StatusForbidden, "This endpoint is closed because it goes around the ledger's protection.", "An operator may open it with LL_DANGEROUS_ENDPOINTS=on.")
	TooLarge      = define("too_large", http.StatusRequestEntityTooLarge, "The request is too large.", "Send less; for media, record shorter or compress.")
	Internal      = define("internal", http.StatusInternalServerError, "Something broke on our side. Nothing was saved.", "Try again later; the operator finds it in the logs.")
)

// Accounts.
var (
	AccountSuspended     = define("account_suspended", http.StatusForbidden, "Your account is suspended. You can read your wallet, notifications and decisions, and appeal.", "Show the decision and the way to appeal.")
	AccountBanned        = define("account_banned", http.StatusForbidden, "Your account is banned. You can read your wallet, notifications and decisions, and appeal.", "Show the decision and the way to appeal.")
	UsernameTaken        = define("username_taken", http.StatusBadRequest, "This username is taken.", "Choose another one.")
	UsernameInvalid      = define("username_invalid", http.StatusBadRequest, "A username has 3 to 30 letters, digits, dots, dashes or underscores.", "Choose another one.")
	ConfirmationInvalid  = define("confirmation_invalid", http.StatusForbidden, "The password or code is wrong.", "Ask again; after several wrong tries the route answers 429.")
	ConfirmationRequired = define("confirmation_required", http.StatusForbidden, "This needs a fresh confirmation.", "POST /api/lingualink/confirm, then send its value as X-Confirmation.")
	BlockSelf            = define("block_self", http.StatusBadRequest, "You cannot block yourself.", "Choose somebody else.")
)

// Clips.
var (
	ConsentRequired  = define("consent_required", http.StatusForbidden, "Agree to the recording terms first.", "Show the consent text named in the params and create a consents record.")
	UnsupportedMedia = define("unsupported_media", http.StatusBadRequest, "This is not a recording that we can read.", "Send wav, mp3, ogg, opus, webm, flac, m4a, aac or 3gp; for video mp4 or webm.")
	NoAudioTrack     = define("no_audio_track", http.StatusBadRequest, "The recording has no sound track.", "Record again with the microphone on.")
	TooShort         = define("too_short", http.StatusBadRequest, "The recording is too short.", "Record at least the minimum duration given in the params.")
	TooLong          = define("too_long", http.StatusBadRequest, "The recording is too long.", "Record at most the maximum duration given in the params.")
	Silent           = define("silent", http.StatusBadRequest, "The recording is silent.", "Move closer to the microphone and record again.")
	DuplicateMedia   = define("duplicate_media", http.StatusConflict, "This very recording was sent before.", "Record it anew; repeat a failed upload under the same id.")
	LanguageUnknown  = define("language_unavailable", http.StatusBadRequest, "This language is not open for recordings.", "Choose an enabled language.")
	PromptMismatch   = define("prompt_mismatch", http.StatusBadRequest, "The prompt is of another language or no longer active.", "Choose a prompt of the clip's language, or send a phrase instead.")
	ParentInvalid    = define("parent_invalid", http.StatusBadRequest, "A remix needs an approved clip of another speaker.", "Choose another clip.")
	ClipWithdrawn    = define("clip_withdrawn", http.StatusConflict, "The speaker has withdrawn this clip.", "Take the next clip.")
)

// Texts.
var (
	TextBlocked = define("text_blocked", http.StatusBadRequest, "This text has words that are not allowed here: {{.found}}.", "Show found of the params and let the person choose other words.")
)

// Votes.
var (
	OwnClip            = define("own_clip", http.StatusForbidden, "You cannot vote on your own clip.", "Take the next clip.")
	AlreadyVoted       = define("already_voted", http.StatusConflict, "You have voted on this clip.", "Take the next clip.")
	ClipDecided        = define("clip_decided", http.StatusConflict, "The clip has its verdict.", "Take the next clip.")
	ClipHidden         = define("clip_hidden", http.StatusConflict, "The clip is hidden at the moment.", "Take the next clip.")
	LanguageNotSpoken  = define("language_not_spoken", http.StatusForbidden, "You have not declared this language.", "Add the language to your profile if you speak it.")
	NotEligible        = define("not_eligible", http.StatusForbidden, "You cannot vote on this clip.", "Take the next clip.")
	AssignmentRequired = define("assignment_required", http.StatusConflict, "This clip is not assigned to you, or the time for it has passed.", "Fetch the queue and vote on what it hands out.")
	NotHeard           = define("not_heard", http.StatusConflict, "Listen to the clip before you vote.", "Vote after the clip's duration has passed.")
	Cooldown           = define("cooldown", http.StatusTooManyRequests, "You can vote again in {{.retry_after}} s.", "Wait for Retry-After seconds.")
)

// Trust.
var (
	OnboardingOpen    = define("onboarding_open", http.StatusConflict, "You have not finished the onboarding of this language.", "Fetch the queue and vote on what it hands out.")
	RetakeEarly       = define("retake_early", http.StatusTooManyRequests, "You can take the onboarding again, but not yet.", "Wait until retake_from of the params, or for Retry-After seconds.")
	RetakeUnavailable = define("retake_unavailable", http.StatusConflict, "There is nothing new for an onboarding in this language at the moment.", "Go on with the queue; try again when the language has more.")
	NotExcluded       = define("not_excluded", http.StatusConflict, "Your votes in this language are not excluded.", "Nothing needs to be reviewed.")
	ReviewOpen        = define("review_open", http.StatusConflict, "You have asked for this review already.", "Wait for the decision; it comes as a notification.")
	ReviewDecided     = define("review_decided", http.StatusConflict, "This review has been decided.", "Read the decision.")
)

// Gold.
var (
	GoldAlready      = define("gold_already", http.StatusConflict, "This recording serves or has served as gold.", "Choose another one: what was known once is not gold again.")
	GoldContradicted = define("gold_contradicted", http.StatusConflict, "An expert said the opposite about this recording.", "Leave truth out, or let an expert decide on the recording again first.")
)

// Experts.
var (
	NotExpert        = define("not_expert", http.StatusForbidden, "Only experts of the language decide this.", "Experts are moderators who speak the language, and its validators of the gold tier.")
	EscalationTaken  = define("escalation_taken", http.StatusConflict, "Another expert has this clip at the moment.", "Take the next one.")
	EscalationClosed = define("escalation_closed", http.StatusConflict, "An expert has decided this, or there is nothing left to decide.", "Take the next one.")
	ClaimRequired    = define("claim_required", http.StatusConflict, "You do not have this clip, or the time for it has passed.", "Claim it, listen, then decide.")
	TooManyClaims    = define("too_many_claims", http.StatusConflict, "You have as many clips as one expert can have.", "Decide one or release it first.")
	NotDisputable    = define("not_disputable", http.StatusConflict, "Only a rejection can be disputed, within 30 days.", "Record it again.")
	AlreadyDisputed  = define("already_disputed", http.StatusConflict, "This verdict was disputed before.", "Wait for the answer of the expert; it is final.")
)

// Money.
var (
	AmountInvalid       = define("amount_invalid", http.StatusBadRequest, "The amount must be a whole number of minor units, at least 1.", "Send minor units (kobo, cents) as an integer.")
	AmountOverflow      = define("amount_overflow", http.StatusBadRequest, "The amount is too large.", "Amounts go up to 2^53-1 minor units.")
	CurrencyUnknown     = define("currency_unknown", http.StatusBadRequest, "This currency is not supported.", "Use one of the currencies in docs/apps.md.")
	LedgerUnbalanced    = define("ledger_unbalanced", http.StatusBadRequest, "The postings do not sum to zero.", "Every currency of a transaction must balance.")
	InsufficientFunds   = define("insufficient_funds", http.StatusConflict, "There is not enough money in the account.", "Ask for less, or wait until it is funded.")
	AlreadyReversed     = define("already_reversed", http.StatusConflict, "The transaction was reversed before.", "A transaction can be reversed once.")
	NotReversible       = define("not_reversible", http.StatusConflict, "This transaction cannot be reversed.", "Only postings made by people and rewards can be reversed.")
	RateMissing         = define("rate_missing", http.StatusBadRequest, "There is no reward rate for this currency.", "Set the rates of the currency before its campaign.")
	CampaignUnavailable = define("campaign_unavailable", http.StatusConflict, "The campaign is closed.", "Fund an open campaign.")
	StatementPeriod     = define("statement_period_invalid", http.StatusBadRequest, "The period of the statement is not valid.", "Send from and to as RFC 3339 times or dates, from before to.")
)

// Payouts: asking for one and deciding on it.
var (
	PayoutsFrozen         = define("payouts_frozen", http.StatusForbidden, "Your payouts are stopped: a payout reached your bank after its money had been given back to you.", "Show it, and how to reach the platform's people; they settle it with the person. If the account has freezes, show their reason and the way to appeal.")
	PayoutCurrency        = define("payout_currency", http.StatusBadRequest, "There are no payouts in this currency.", "Ask for NGN, GHS, KES or ZAR.")
	PayoutMinimum         = define("payout_minimum", http.StatusBadRequest, "This is less than can be paid out.", "Ask for at least minimum_minor of the params.")
	PayoutMaximum         = define("payout_maximum", http.StatusBadRequest, "This is more than can be paid out at once.", "Ask for at most maximum_minor of the params.")
	PayoutOpen            = define("payout_open", http.StatusConflict, "You have a payout in this currency that is not finished.", "Wait until it is, or take it back while it is cancellable.")
	PayoutGap             = define("payout_gap", http.StatusTooManyRequests, "You have asked for a payout not long ago. You can ask again in {{.retry_after}} s.", "Wait for Retry-After seconds.")
	PayoutDayLimit        = define("payout_day_limit", http.StatusTooManyRequests, "This is more than can be paid out to you within 24 hours.", "Ask for at most left_minor of the params, or wait for Retry-After seconds.")
	PayoutAccountCurrency = define("payout_account_currency", http.StatusBadRequest, "This bank account takes another currency.", "Choose an account of the payout's currency.")
	PayoutAccountInactive = define("payout_account_inactive", http.StatusConflict, "This bank account has been replaced, or cannot be paid.", "Choose the active account; an admin rejects the payout, so that it can be asked for anew.")
	PayoutState           = define("payout_state", http.StatusConflict, "The payout has moved on; this cannot be done any more, or not yet.", "Read the payout again; status of the params says where it stands.")
	PayoutChanged         = define("payout_changed", http.StatusConflict, "Somebody else changed the payout at this moment.", "Read the payout again, then decide anew.")
	PayoutWaits           = define("payout_waits", http.StatusConflict, "Payouts are not sent at the moment, or this one not yet.", "Nothing needs to be done; it is sent when it can be.")
	OwnPayout             = define("own_payout", http.StatusForbidden, "Nobody decides on their own payout.", "Another admin decides.")
	OwnAccountChange      = define("own_account_change", http.StatusForbidden, "You entered this bank account, so you cannot approve payouts to it.", "Another admin decides.")
	SecondPerson          = define("second_person_needed", http.StatusForbidden, "This needs two different people, and you are the first.", "Another admin, who is another person, decides.")
	ApproverUnknown       = define("approver_unknown", http.StatusForbidden, "It is not known which person you are.", "Set the person of the admin account once, then decide.")
	PayoutUnproven        = define("payout_unproven", http.StatusConflict, "It is not proven that this payout was never paid.", "missing of the params says what is; wait, check again, or ask Paystack.")
	AlreadyPaused         = define("already_paused", http.StatusConflict, "Sending is paused for this already.", "List the pauses.")
	AlreadyDone           = define("already_done", http.StatusConflict, "Somebody has dealt with this.", "List again.")
)

// Payments through Paystack.
var (
	SignatureInvalid = define("signature_invalid", http.StatusUnauthorized, "The signature of the event is missing or wrong.", "Only Paystack and the media server call this. After a change of Paystack's key, set LL_PAYSTACK_PREVIOUS_KEY for 72 hours.")
	TransferRefused  = define("transfer_refused", http.StatusBadRequest, "This server has not ordered this transfer.", "Only Paystack calls this. Look at the alerts: somebody else may be using the key.")
	CheckoutLost     = define("checkout_lost", http.StatusConflict, "The page to pay at was lost on its way. Nothing was paid.", "Order again with a new Idempotency-Key.")
	EmailUnverified  = define("email_unverified", http.StatusForbidden, "The receipt goes to your e-mail address, which is not verified.", "Verify the address first.")
	NotRefundable    = define("not_refundable", http.StatusConflict, "There is nothing to refund, or a refund is under way.", "Only what was paid and credited can be refunded, once.")
	RefundRefused    = define("refund_refused", http.StatusConflict, "Paystack refused the refund.", "Read its reason in the alert and look at the payment in Paystack's dashboard.")
)

// Streams, their stage and chat, and calls.
var (
	StreamState      = define("stream_state", http.StatusConflict, "This cannot be done with the stream any more, or not yet.", "Read the stream again; status of the params says where it stands.")
	StreamFull       = define("stream_full", http.StatusConflict, "The stream is full.", "Try again when somebody has left.")
	StreamRemoved    = define("stream_removed", http.StatusForbidden, "You were removed from this stream.", "Do not ask for a token again; who removed the person can take it back.")
	HostAbsent       = define("host_absent", http.StatusConflict, "The host is not in the room with a microphone or camera yet.", "Join with the host's token, publish a track, then go live.")
	StreamOpen       = define("stream_open", http.StatusConflict, "You have another stream that is open.", "End the stream of the params first.")
	StageState       = define("stage_state", http.StatusConflict, "This does not fit where the person stands.", "Read the stage again; hand of the params says where the person stands.")
	StageFull        = define("stage_full", http.StatusConflict, "The stage is full.", "Take somebody off the stage first.")
	ChatClosed       = define("chat_closed", http.StatusConflict, "There is no chat because the stream is not live.", "Send messages while the stream is live.")
	ChatMuted        = define("chat_muted", http.StatusForbidden, "You cannot write here at the moment.", "Wait until the time in the params, if there is one.")
	ChatSlow         = define("chat_slow", http.StatusTooManyRequests, "The chat is in slow mode. You can write again in {{.retry_after}} s.", "Wait for Retry-After seconds.")
	CallState        = define("call_state", http.StatusConflict, "This cannot be done with the call any more, or not yet.", "Read the call again; status of the params says where it stands.")
	CallElsewhere    = define("call_answered_elsewhere", http.StatusConflict, "The call was answered on another device.", "Stop ringing.")
	CallBusy         = define("call_busy", http.StatusConflict, "You are in another call.", "End the other call first.")
	MediaUnavailable = define("media_unavailable", http.StatusServiceUnavailable, "The media server does not answer at the moment. Nothing was changed.", "Wait for Retry-After seconds, then send again.")
	CallFull         = define("call_full", http.StatusConflict, "There are as many people in the call as there can be.", "Start another call.")
)

// Administration.
var (
	PolicyInvalid = define("policy_invalid", http.StatusBadRequest, "The policy is not valid.", "Correct the named value; docs/operate.md lists them all.")
	InsertOnly    = define("insert_only", http.StatusConflict, "These rows are never changed or removed.", "Insert a new version instead.")
)

// Payout accounts and risk flags.
var (
	ProviderUnavailable = define("provider_unavailable", http.StatusServiceUnavailable, "The payment service does not answer at the moment. Nothing was changed.", "Wait for Retry-After seconds, then send again.")
	PayoutUnavailable   = define("payout_unavailable", http.StatusBadRequest, "There are no payouts to this country in this currency.", "Choose a country of docs/apps.md and its own currency.")
	BankUnknown         = define("bank_unknown", http.StatusBadRequest, "This bank is not on the list, or cannot be paid.", "Choose a payable bank of GET /api/lingualink/banks.")
	AccountUnresolved   = define("account_unresolved", http.StatusBadRequest, "The bank does not know this account.", "Check the number and the bank.")
	AccountRefused      = define("account_refused", http.StatusBadRequest, "This account cannot be paid.", "Choose another account.")
	LegalNameRequired   = define("legal_name_required", http.StatusConflict, "Enter your legal name first.", "PATCH legal_name of the own private_profiles record: the name as the bank has it.")
	NameMismatch        = define("name_mismatch", http.StatusBadRequest, "The account is not in your legal name.", "Choose an account of your own, or correct your legal name.")
	AccountInUse        = define("account_in_use", http.StatusConflict, "A payout to this account is open.", "Wait until it is paid, or cancel it.")
	OwnPerson           = define("own_person", http.StatusForbidden, "Admins do not say themselves which user they are.", "Another superuser sets it, or the command: lingualink superuser person EMAIL USERNAME.")
	FlagDecided         = define("flag_decided", http.StatusConflict, "This flag has been decided.", "Read the decision.")
	FlagOfCluster       = define("flag_of_cluster", http.StatusConflict, "This flag is decided with its cluster.", "POST /api/lingualink/risk-clusters/{id}/decide with the cluster of the params.")
)

// Risk and appeals.
var (
	ClusterDecided  = define("cluster_decided", http.StatusConflict, "This cluster has been decided, or is part of a larger one now.", "Read its state and reason; list the open ones again.")
	NothingToAppeal = define("nothing_to_appeal", http.StatusConflict, "There is no decision about you here that can be appealed.", "Wait for the decision, or list again: it may be undone already.")
	AlreadyAppealed = define("already_appealed", http.StatusConflict, "You have appealed against this decision.", "Show the appeal; a decision is appealed once.")
	AppealDecided   = define("appeal_decided", http.StatusConflict, "This appeal has been decided.", "Read the decision.")
	FirstDecider    = define("first_decider", http.StatusForbidden, "Who made the decision does not decide the appeal against it.", "Leave it to somebody else.")
)

// Ambassadors.
var (
	ApplicationPending  = define("application_pending", http.StatusConflict, "You have applied already, and nobody has decided yet.", "Wait for the decision; it comes as a notification.")
	AlreadyAmbassador   = define("already_ambassador", http.StatusConflict, "This person is an ambassador already.", "Change the terms instead.")
	ApplicationDecided  = define("application_decided", http.StatusConflict, "This application has been decided.", "Read the decision.")
	ApplicantRestricted = define("applicant_restricted", http.StatusConflict, "The applicant is suspended or banned.", "Reject the application, or decide when the person may act again.")
	OwnApplication      = define("own_application", http.StatusForbidden, "Nobody decides on being an ambassador themselves.", "Another admin decides.")
	NotAmbassador       = define("not_ambassador", http.StatusForbidden, "You are not an ambassador.", "Apply by creating an ambassador_applications record.")
	AmbassadorEnded     = define("ambassador_ended", http.StatusConflict, "This person is no longer an ambassador by this row.", "List the ambassadors again.")
	AmbassadorChanged   = define("ambassador_changed", http.StatusConflict, "Somebody else changed the terms.", "Read the ambassador again, then decide anew with its version.")
)

// Referrals.
var (
	ReferralCodeUnknown = define("referral_code_unknown", http.StatusBadRequest, "There is no such invitation code.", "Check the code, or leave it out.")
	ReferralRefused     = define("referral_refused", http.StatusConflict, "This code does not count for you.", "reason of the params says why: docs/referrals.md. Trying again changes nothing.")
	ReferralCodeInvalid = define("referral_code_invalid", http.StatusBadRequest, "This cannot be an invitation code.", "reason of the params says why; choose another one of 4 to 20 letters, digits and hyphens.")
	ReferralCodeTaken   = define("referral_code_taken", http.StatusConflict, "Somebody has this code, or one that looks like it.", "Choose another one.")
	ReferralCodeEarly   = define("referral_code_early", http.StatusConflict, "You changed your code not long ago.", "Wait until from of the params.")
)

// Moderation.
var (
	AlreadyReported = define("already_reported", http.StatusConflict, "You have reported this, and it is not decided yet.", "Show the report; it is decided with all others about the same.")
	ReportSelf      = define("report_self", http.StatusBadRequest, "You cannot report yourself, or what is yours.", "To take a recording back, withdraw it.")
	SubjectUnknown  = define("subject_unknown", http.StatusBadRequest, "There is nothing of this kind to report yet.", "Report a clip or a user.")
	CaseConflict    = define("case_conflict", http.StatusConflict, "The case has moved on, or somebody else has it.", "Read the case again; reason of the params says what is in the way (docs/moderation.md#reasons-of-a-refusal).")
	CaseNotYours    = define("case_not_yours", http.StatusForbidden, "You may not do this in this case.", "Leave it to somebody else; reason of the params says why (docs/moderation.md#reasons-of-a-refusal).")
)

// Notifications.
var (
	ChannelNeeded     = define("channel_required", http.StatusBadRequest, "This cannot be switched off: it is how you hear of your money, your safety and your account.", "Leave this channel on; the others of the category can be switched off.")
	NotDead           = define("not_dead", http.StatusConflict, "Only what failed for good can be tried again.", "Read its state anew. A mail whose state is unknown may have arrived and is never sent twice.")
	AnnouncementState = define("announcement_state", http.StatusConflict, "The announcement is in another state.", "Read it anew: a draft is started, a running one paused, a paused one resumed.")
)
