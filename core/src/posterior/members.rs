//! What differs from member to member.

use super::Draw;
use alloc::{vec, vec::Vec};

/// The most members that a model may have.
pub const MAX_MEMBERS: usize = 64;

/// One thing per member of a model, or a single one that all members share.
///
/// Sample `s` of a model with M members takes member `s mod M`, in every layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerMember<T>(Vec<T>);

impl<T> PerMember<T> {
    /// Creates what all members share.
    pub fn shared(value: T) -> Self {
        Self(vec![value])
    }

    /// Creates one thing per member; `None` if there are no members.
    pub fn new(members: Vec<T>) -> Option<Self> {
        (!members.is_empty()).then_some(Self(members))
    }

    /// Adds that of one more member.
    pub fn push(&mut self, value: T) {
        self.0.push(value);
    }

    /// Returns what sample `draw` takes.
    pub fn of(&self, draw: Draw) -> &T {
        self.member(draw.sample as usize)
    }

    /// Returns what member `member`, counted modulo their number, takes.
    pub fn member(&self, member: usize) -> &T {
        &self.0[member % self.0.len()]
    }

    /// Returns whether all members share a single one.
    pub fn is_shared(&self) -> bool {
        self.0.len() == 1
    }

    /// Returns the number of members, or 1 if they share a single one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Iterates over the members' own, in order.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Iterates over the members' own, in order, to change them.
    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    /// Computes something of every member's own.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> PerMember<U> {
        PerMember(self.0.into_iter().map(change).collect())
    }

    /// Computes something of a reference to every member's own.
    pub fn clone_map<U>(&self, change: impl FnMut(&T) -> U) -> PerMember<U> {
        PerMember(self.0.iter().map(change).collect())
    }

    /// Computes something of a reference to every member's own.
    ///
    /// # Errors
    /// The first error of `change`.
    pub fn try_map<U, E>(&self, change: impl FnMut(&T) -> Result<U, E>) -> Result<PerMember<U>, E> {
        Ok(PerMember(self.0.iter().map(change).collect::<Result<_, E>>()?))
    }
}
