/** Which experts a model uses for a text, and what a cache of experts would make of it. */
@NullMarked
package org.espalier.runtime.evaluation.routing;

import org.jspecify.annotations.NullMarked;
