/** Hugging Face checkpoints. */
@NullMarked
package org.espalier.format.safetensors;

import org.jspecify.annotations.NullMarked;
