// The same checks as Jest tests. Jest loads the package, and its addon, anew for each file.

const velt = require('velt-auth')

for (const [name, check] of Object.entries(require('./checks.cjs')(velt))) {
  test(name, async () => expect(await check()).toBe(true))
}
