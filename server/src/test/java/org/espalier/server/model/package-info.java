/** A model made of arithmetic, for tests. */
@NullMarked
package org.espalier.server.model;

import org.jspecify.annotations.NullMarked;
