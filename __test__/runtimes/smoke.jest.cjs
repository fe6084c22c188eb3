// The same checks as Jest tests: each file has the package, and its addon, to itself.

const velt = require('velt-auth')

for (const [name, check] of Object.entries(require('./checks.cjs')(velt))) {
  test(name, async () => expect(await check()).toBe(true))
}
