import type { ScalerRule } from '../../../training/scaling/flavours'

/** Scales after 0, 1, 2, ... steps, as a library's own bookkeeping has them; 'error' where it raises, and nothing after. */
type Replay = (rule: ScalerRule, overflows: readonly boolean[]) => readonly (number | 'error')[]

// Written from what recipe 3.2 says of each library's counters, which differ: iterations and their remainders in fairseq and DeepSpeed,
// trackers in apex and Megatron.

const fairseq: Replay = (rule, overflows) => {
  const scales: (number | 'error')[] = [rule.init]
  let scale = rule.init
  let iteration = 0
  let lastOverflow = -1
  for (const overflow of overflows) {
    if (overflow) {
      lastOverflow = iteration
      if (scale / 2 < rule.min) return [...scales, 'error']
      scale /= 2
    } else if ((iteration - lastOverflow) % rule.window === 0) scale *= 2
    iteration += 1
    scales.push(scale)
  }
  return scales
}

const apex: Replay = (rule, overflows) => {
  const scales = [rule.init]
  let scale = rule.init
  let unskipped = 0
  for (const overflow of overflows) {
    if (overflow) {
      scale /= 2
      unskipped = 0
    } else unskipped += 1
    if (unskipped === rule.window) {
      scale = Math.min(rule.max, scale * 2)
      unskipped = 0
    }
    scales.push(scale)
  }
  return scales
}

const deepspeed: Replay = (rule, overflows) => {
  const scales: (number | 'error')[] = [rule.init]
  let scale = rule.init
  let iteration = 0
  let lastOverflow = -1
  let hysteresis = rule.hysteresis
  for (const overflow of overflows) {
    if (overflow) {
      if (rule.hysteresis === 1 || hysteresis === 1) {
        if (scale === rule.min) return [...scales, 'error']
        scale = Math.max(scale / 2, rule.min)
      } else hysteresis -= 1
      lastOverflow = iteration
    } else if ((iteration - lastOverflow) % rule.window === 0) {
      hysteresis = rule.hysteresis
      scale *= 2
    }
    iteration += 1
    scales.push(scale)
  }
  return scales
}

const megatron: Replay = (rule, overflows) => {
  const scales = [rule.init]
  let scale = rule.init
  let [growth, hysteresis] = [0, rule.hysteresis]
  for (const overflow of overflows) {
    if (overflow) {
      growth = 0
      hysteresis -= 1
      if (hysteresis <= 0) scale = Math.max(scale * 0.5, rule.min)
    } else {
      growth += 1
      if (growth === rule.window) {
        growth = 0
        hysteresis = rule.hysteresis
        scale *= 2
      }
    }
    scales.push(scale)
  }
  return scales
}

export const replays = { fairseq, apex, deepspeed, megatron }
