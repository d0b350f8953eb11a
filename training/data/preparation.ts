import { cocoLmText } from './coco-lm-text'

/** What may be done to a text before it is encoded, by name. */
export const preparations = {
  none: (text: string): string => text,
  'coco-lm': cocoLmText,
} as const
export type Preparation = keyof typeof preparations
export const preparationNames = Object.keys(preparations) as readonly Preparation[]
