#!/bin/sh
# Makes every fixture of this directory anew. Needs espeak-ng, ffmpeg (with
# libopus, libvorbis, libmp3lame, libx264, libvpx, libaom or libsvtav1) and
# python3.
set -eu
cd "$(dirname "$0")"
rm -f ./*.wav ./*.mp3 ./*.ogg ./*.opus ./*.webm ./*.flac ./*.m4a ./*.mp4 ./*.mov ./*.aac ./*.3gp
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

espeak-ng -v en -s 150 -w "$work/espeak.wav" "Our language lives as long as somebody speaks it."
f() { ffmpeg -v error -nostdin -y -fflags +bitexact "$@"; }
f -i "$work/espeak.wav" -t 2.5 -af apad=whole_dur=2.5,volume=-3dB -ac 1 -ar 16000 "$work/speech.wav"
s="-i $work/speech.wav -map_metadata -1 -flags +bitexact"
t() { # an 8 kHz 1.1 s cut for uncompressed formats
	f -ss 0.2 -t 1.1 -i "$work/speech.wav" -map_metadata -1 -flags +bitexact -ar 8000 "$@"
}

# Uncompressed
t -c:a pcm_u8 pcm8.wav
t -c:a pcm_s16le pcm16.wav
t -c:a pcm_s24le pcm24.wav # WAVE_FORMAT_EXTENSIBLE
t -c:a pcm_s16le -f wav pipe:1 | cat >streamed.wav # sizes unknown

# Compressed sound
f $s -c:a libmp3lame -b:a 32k speech.mp3
f $s -c:a libmp3lame -ar 44100 -ac 2 -b:a 40k stereo.mp3
f $s -t 1.2 -c:a libmp3lame -ar 22050 -b:a 16k padded.mp3
f $s -c:a libopus -b:a 12k -application voip silk.ogg
f $s -c:a libopus -b:a 32k -application audio celt.ogg
f $s -c:a libopus -b:a 24k -application voip -frame_duration 20 hybrid.opus
f $s -c:a libvorbis -q:a 0 vorbis.ogg
f $s -c:a libopus -b:a 16k opus.webm
f $s -c:a libopus -b:a 16k -live 1 -f webm pipe:1 | cat >live.webm # no sizes, no duration
f $s -c:a libvorbis -q:a 0 vorbis.webm
t -c:a flac speech.flac
f $s -c:a aac -b:a 24k -brand "M4A " ipod.m4a
f $s -c:a aac -b:a 24k -f mp4 -brand mp42 mp42.m4a
f $s -c:a aac -b:a 24k -f mp4 -brand isom -movflags +faststart isom.m4a
f $s -c:a aac -b:a 24k -f mp4 -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration 500000 fragmented.m4a
f $s -c:a libopus -b:a 16k -f mp4 opus.m4a
t -c:a alac alac.m4a
f $s -c:a aac -b:a 24k -f adts raw.aac
f $s -c:a aac -b:a 24k -f 3gp aac.3gp

# AMR has no encoder here; frames of random bits have the true structure
python3 - "$work" <<'PY'
import random, sys
random.seed(1)
noise = lambda n: bytes(random.randrange(256) for _ in range(n))
open(sys.argv[1] + "/nb.amr", "wb").write(b"#!AMR\n" + b"".join(b"\x04" + noise(12) for _ in range(125)))
open(sys.argv[1] + "/wb.amr", "wb").write(b"#!AMR-WB\n" + b"".join(b"\x04" + noise(17) for _ in range(125)))
PY
f -i "$work/nb.amr" -c copy -f 3gp amr_nb.3gp
f -i "$work/wb.amr" -c copy -f 3gp amr_wb.3gp

# Pictures
v="-f lavfi -i testsrc=size=64x48:rate=5:duration=2.5 -i $work/speech.wav -map 0:v -map 1:a -map_metadata -1 -flags +bitexact -pix_fmt yuv420p"
f $v -c:v libx264 -bf 0 -crf 45 -c:a aac -b:a 24k h264.mp4
f $v -c:v libx264 -bf 0 -crf 45 -c:a aac -b:a 24k -movflags +frag_keyframe+empty_moov+default_base_moof fragmented.mp4
f $v -c:v libx264 -bf 0 -crf 45 -c:a libopus -b:a 16k -f mp4 h264_opus.mp4
f $v -c:v libx264 -bf 0 -crf 45 -c:a aac -b:a 24k quicktime.mov
f $v -c:v libx264 -bf 0 -crf 45 -c:a aac -b:a 24k -f 3gp video.3gp
f $v -c:v libvpx -b:v 20k -c:a libvorbis -q:a 0 vp8.webm
f $v -c:v libvpx-vp9 -b:v 20k -c:a libopus -b:a 16k vp9.webm
f $v -c:v libaom-av1 -crf 60 -cpu-used 8 -c:a libopus -b:a 16k av1.webm
f $v -c:v libx264 -bf 0 -crf 45 -an mute.mp4
f $v -c:v libvpx -b:v 20k -an mute.webm

# Silence: noise at -70 dBFS
n="-f lavfi -i anoisesrc=d=2:a=0.0003:r=16000:s=1 -map_metadata -1 -flags +bitexact"
f $n -c:a libopus -b:a 12k silent.ogg
f $n -c:a libopus -b:a 12k silent.webm
f $n -c:a libmp3lame -b:a 16k silent.mp3
f $n -t 1.1 -af volume=-24dB -c:a flac -ar 8000 silent.flac
f $n -c:a libvorbis -q:a 0 -ar 8000 silent_vorbis.ogg
f $n -c:a aac -b:a 16k silent.m4a
f -f lavfi -i testsrc=size=16x16:rate=5:duration=2 $n -map 0:v -map 1:a -pix_fmt yuv420p -c:v libvpx -b:v 20k -c:a libopus -b:a 12k silent_video.webm
du -cb ./* | tail -1
