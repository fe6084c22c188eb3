export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * The ratio of two contenders in each round: their median, least and most. Within a round, the machine
 * was in the same condition for both.
 */
export function ratio(samples, of, to, metric) {
  const ratios = samples[of].map((sample, round) => sample[metric] / samples[to][round][metric])
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
}
