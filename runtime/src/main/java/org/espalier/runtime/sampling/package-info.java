/** From logits to a token. */
@NullMarked
package org.espalier.runtime.sampling;

import org.jspecify.annotations.NullMarked;
