/** What is in a model file, how it would be read, and whether its numbers are sound. */
@NullMarked
package org.espalier.runtime.inspection;

import org.jspecify.annotations.NullMarked;
