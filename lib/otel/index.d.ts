import type { Attributes, MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { VeltAuthClient } from '../../index.js'

/** Options of {@link VeltAuthInstrumentation}. */
export interface VeltAuthInstrumentationConfig {
  /** Whether the instrumentation is enabled when it is made. Default: `true`. */
  enabled?: boolean
  /**
   * Whether requests to Velt have the header `traceparent` of W3C Trace Context, with the span of the call
   * that started the request. Useful if a proxy of yours, on the way to Velt, makes spans too. A refresh in
   * the background sends no header. Default: `false`.
   */
  sendTraceparent?: boolean
}

/**
 * OpenTelemetry spans and metrics of velt-auth. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/observability.md docs/observability.md} lists them. It can be passed to
 * `NodeSDK` or `registerInstrumentations`; alone, it uses the global providers of `@opentelemetry/api`.
 *
 * @example
 * ```js
 * import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
 * import { VeltAuthInstrumentation } from 'velt-auth/otel'
 *
 * new NodeTracerProvider().register()
 * new VeltAuthInstrumentation()
 * ```
 */
export declare class VeltAuthInstrumentation {
  constructor(config?: VeltAuthInstrumentationConfig)
  /** `'velt-auth'`, the name of the tracer and the meter. */
  readonly instrumentationName: string
  /** The version of velt-auth. */
  readonly instrumentationVersion: string
  /** Starts to make spans and metrics. */
  enable(): void
  /** Stops to make spans and metrics. */
  disable(): void
  /** Sets the provider of the tracer. Default: the global provider. */
  setTracerProvider(provider: TracerProvider): void
  /** Sets the provider of the meter. Default: the global provider at the first use. */
  setMeterProvider(provider: MeterProvider): void
  /** Sets the options. */
  setConfig(config: VeltAuthInstrumentationConfig): void
  /** Returns the options. */
  getConfig(): VeltAuthInstrumentationConfig
  /**
   * Reports the counters of `client.stats()` as metrics, at each collection. Call it after the meter
   * provider was set.
   *
   * @param attributes are added to each value, to tell clients apart. Default: none.
   * @returns a function that ends the reports. Until then, the client is not garbage-collected.
   */
  observe(client: VeltAuthClient, attributes?: Attributes): () => void
}
