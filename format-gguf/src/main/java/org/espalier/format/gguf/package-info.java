/** Reads and writes GGUF files. */
@NullMarked
package org.espalier.format.gguf;

import org.jspecify.annotations.NullMarked;
