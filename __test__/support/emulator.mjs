import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'

/** Starts an emulator for one test. Returns it, and the client options that reach it. */
export async function emulate(t, options) {
  const emulator = await startEmulator(options)
  t.after(() => emulator.close())
  const { url: baseUrl, apiKey, authToken } = emulator
  return { emulator, options: { baseUrl, apiKey, authToken } }
}

/** Starts an emulator and a client of it for one test. */
export async function emulateWithClient(t, clientOptions, emulatorOptions) {
  const { emulator, options } = await emulate(t, emulatorOptions)
  const client = new VeltAuthClient({ ...options, ...clientOptions })
  t.after(() => client.close())
  return { emulator, client, options }
}
