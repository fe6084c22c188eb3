// The baseline: the cost of the loop that makes the calls, or of Node's own start.

export function open() {
  return async (user) => user.userId
}
