/** Questions with several answers: which one a model finds likeliest. */
@NullMarked
package org.espalier.runtime.evaluation.choice;

import org.jspecify.annotations.NullMarked;
