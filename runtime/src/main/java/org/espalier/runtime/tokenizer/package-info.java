/** Byte-level byte-pair encoding from a model's metadata. */
@NullMarked
package org.espalier.runtime.tokenizer;

import org.jspecify.annotations.NullMarked;
