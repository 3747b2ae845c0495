/** The reference backend and the contracts. */
@NullMarked
package org.espalier.testkit;

import org.jspecify.annotations.NullMarked;
