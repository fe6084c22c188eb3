export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * The ratios of two contenders, each of one round, where the machine was the same for both: their
 * median and their ends.
 */
export function ratio(samples, of, to, metric) {
  const ratios = samples[of].map((sample, round) => sample[metric] / samples[to][round][metric])
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
}
