#!/usr/bin/env bash
# Total generation over latents (2409.06190) beside the waveform model `band`, independent models of each stem's latents and a
# model of the mixtures' latents: distances, silent stems, noise, whether stems belong together. Models over the latents of one
# VAE per stem take part where runs/msldm_codec.sh was run before.
source "$(dirname "$0")/msldm.sh"
songs_to_learn_from
latents "$model" latents
latents "$model" mixtures --mixture
over independent-latents isldm-band latents "$model"
over mixture-latents mixldm-band mixtures "$model"
rivals=(band "$work/models/independent-latents")
if [ -d "$work/models/sourcevae-each" ]; then
  latents "$work/models/sourcevae-each" each
  over vae-each msldm-band each "$work/models/sourcevae-each"
  rivals+=("$work/models/vae-each")
fi
count=$(or_quick 200 8)
songs test-a "$count" 12
same=("${from[@]}" --each "$(or_quick 4 2)")
bands "$model" "$work/$name-total" "$count"
for rival in "${rivals[@]}"; do
  made="$work/$name-beside-$(basename "$rival")"
  bands "$rival" "$made" "$count"
  figure "$name-beside-$(basename "$rival")" generation --made "$made" "${same[@]}"
done
figure "$name-total" generation --made "$work/$name-total" "${same[@]}"
bands "$work/models/mixture-latents" "$work/$name-beside-mixture-latents" "$count"
figure "$name-beside-mixture-latents" generation --made "$work/$name-beside-mixture-latents" "${same[@]}" --mixtures
