/** How good a model is: what all measurements share, and perplexity. */
@NullMarked
package org.espalier.runtime.evaluation;

import org.jspecify.annotations.NullMarked;
