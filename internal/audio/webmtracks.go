package audio

import "errors"

// webmVideoCodecs names the pictures that WebM allows.
var webmVideoCodecs = map[string]string{"V_VP8": "vp8", "V_VP9": "vp9", "V_AV1": "av1"}

// recording sums up the walked file.
func (f *webmFile) recording(src *source) (recording, error) {
	found := recording{container: "webm"}
	var sound *webmTrack
	var firstNS, endNS int64
	blocks := int64(0)
	for _, track := range f.tracks {
		switch {
		case track.kind == webmAudio && sound == nil:
			sound = track
		case track.kind == webmVideo && found.videoCodec == "":
			if found.videoCodec = webmVideoCodecs[track.codec]; found.videoCodec == "" {
				return recording{}, errors.New("webm: picture codec " + track.codec)
			}
		default:
			continue
		}
		if track.blocks == 0 {
			continue
		}
		start, end := track.firstNS, track.endNS
		if track.kind == webmAudio {
			// No trim that is longer than an encoder's own is believed.
			const most = slackMS * 1_000_000
			end = max(end, start+track.heldNS) - max(0, min(f.discardNS, most))
			start += int64(min(track.delayNS, most))
		}
		if blocks == 0 {
			firstNS, endNS = start, end
		}
		firstNS, endNS = min(firstNS, start), max(endNS, end)
		blocks += track.blocks
	}
	if blocks == 0 {
		return recording{}, errCut
	}
	found.durationMS = max(0, (endNS-firstNS+500_000)/1_000_000)
	if sound == nil {
		return found, nil
	}
	return found, sound.describe(src, &found)
}

// describe adds the track of sound.
func (t *webmTrack) describe(src *source, found *recording) error {
	var decoder packetDecoder
	switch t.codec {
	case "A_OPUS":
		head, err := readOpusHead(t.private)
		if err != nil {
			return err
		}
		found.codec, found.rateHz, found.channels = "opus", opusRateHz, head.channels
		decoder = newOpusDecoder(head.channels, head.family)
	case "A_VORBIS":
		headers, err := splitXiph(t.private)
		if err != nil {
			return err
		}
		head, err := readVorbisHead(headers[0])
		if err != nil {
			return err
		}
		found.codec, found.rateHz, found.channels = "vorbis", head.rateHz, head.channels
		if decoder, err = newVorbisDecoder(headers[0], headers[2]); err != nil {
			return err
		}
	default:
		return errors.New("webm: sound codec " + t.codec)
	}
	if t.blocks == 0 {
		return errCut
	}
	if decoder != nil {
		found.decode = func(write func([]float32) error) error { return t.decode(src, decoder, write) }
	}
	return nil
}

// decode walks the file again for the blocks of the track.
func (t *webmTrack) decode(src *source, decoder packetDecoder, write func([]float32) error) error {
	walk := newWebMWalk(src)
	for walk.next() {
		if walk.id != ebmlSimpleBlock && walk.id != ebmlBlock {
			continue
		}
		if number, _, err := walk.blockHead(); err != nil || number != t.number {
			continue
		}
		frames, err := blockFrames(walk)
		if err != nil {
			return err
		}
		for _, frame := range frames {
			samples, err := decoder(frame)
			if err == nil {
				err = write(samples)
			}
			if err != nil {
				return err
			}
		}
	}
	return walk.err
}

// splitXiph undoes the lacing of Vorbis's three headers in CodecPrivate
// (Matroska codec mappings, A_VORBIS).
func splitXiph(private []byte) (headers [3][]byte, err error) {
	bad := errors.New("webm: bad Vorbis headers")
	if len(private) == 0 || private[0] != 2 {
		return headers, bad
	}
	var sizes [2]int
	at := 1
	for i := range sizes {
		for {
			if at == len(private) {
				return headers, bad
			}
			sizes[i] += int(private[at])
			at++
			if private[at-1] != 255 {
				break
			}
		}
	}
	rest := private[at:]
	if sizes[0]+sizes[1] > len(rest) {
		return headers, bad
	}
	return [3][]byte{rest[:sizes[0]], rest[sizes[0] : sizes[0]+sizes[1]], rest[sizes[0]+sizes[1]:]}, nil
}
