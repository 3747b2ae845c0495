/** Blocks of ggml's types and what they decode to. */
@NullMarked
package org.espalier.codec.ggml;

import org.jspecify.annotations.NullMarked;
