/** Providers, and models opened with them. */
@NullMarked
package org.espalier.runtime;

import org.jspecify.annotations.NullMarked;
