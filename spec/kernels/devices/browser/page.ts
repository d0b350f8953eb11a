import { tenSteps } from './ten-steps'

// What the spec calls from outside the page.
Object.assign(globalThis, { tenSteps })
