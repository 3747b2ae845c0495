/** Many tokens through a model in wide passes, and what their logits say. */
@NullMarked
package org.espalier.runtime.evaluation.pass;

import org.jspecify.annotations.NullMarked;
