/** The architecture {@code bigram}: from named tensors to a plan. */
@NullMarked
package org.espalier.examples.bigram;

import org.jspecify.annotations.NullMarked;
