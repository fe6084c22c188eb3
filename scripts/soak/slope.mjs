/**
 * The slope of a line through `points` ([x, y]) by least squares, and the half width of its 95 %
 * confidence interval. Neighbouring samples are alike, so they count as fewer independent samples:
 * n (1 − r) / (1 + r), where r is the correlation of neighbouring residuals.
 */
export function slope(points) {
  const n = points.length
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const middleX = mean(points.map(([x]) => x))
  const middleY = mean(points.map(([, y]) => y))
  const sum = (term) => points.reduce((total, point) => total + term(point), 0)
  const spread = sum(([x]) => (x - middleX) ** 2)
  const rise = sum(([x, y]) => (x - middleX) * (y - middleY)) / spread
  const residuals = points.map(([x, y]) => y - middleY - rise * (x - middleX))
  const squares = residuals.reduce((total, residual) => total + residual ** 2, 0)
  const neighbours = residuals
    .slice(1)
    .reduce((total, one, index) => total + one * residuals[index], 0)
  const r = squares === 0 ? 0 : Math.max(0, neighbours / squares)
  const independent = Math.max(3, (n * (1 - r)) / (1 + r))
  const error = Math.sqrt(squares / n / (independent - 2) / (spread / n))
  return { rise, half: 2 * error }
}
