/** The stages of a plan as sequences of kernel launches. */
@NullMarked
package org.espalier.backend.cuda.stage;

import org.jspecify.annotations.NullMarked;
