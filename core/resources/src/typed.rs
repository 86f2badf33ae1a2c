//! The typed door: objects of one Rust type.

use crate::{
    DeleteOptions, Deleted, Error, Kind, Metadata, Object, ObjectKey, Objects, Revision, Selector,
};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// A value of a kind beside the object it was decoded from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Typed<K> {
    /// The object.
    pub object: Arc<Object>,
    /// The value.
    pub value: Arc<K>,
}

impl<K: Kind> Typed<K> {
    /// Decodes an object.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field that has another type.
    pub fn decode(object: impl Into<Arc<Object>>) -> Result<Self, Error> {
        let object = object.into();
        let value = Arc::new(object.decode()?);
        Ok(Self { object, value })
    }

    /// What all objects have.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.object.metadata
    }
}

impl<K> Deref for Typed<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.value
    }
}

/// The objects of one kind, in one namespace or in all.
#[derive(Debug)]
pub struct Api<K> {
    objects: Objects,
    namespace: Option<String>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Api<K> {
    fn clone(&self) -> Self {
        Self { objects: self.objects.clone(), namespace: self.namespace.clone(), kind: PhantomData }
    }
}

impl<K: Kind> Api<K> {
    /// The objects of a kind; without a namespace, all of them, and names are cluster-scoped.
    #[must_use]
    pub fn new(objects: Objects, namespace: Option<&str>) -> Self {
        Self { objects, namespace: namespace.map(str::to_owned), kind: PhantomData }
    }

    fn key(&self, name: &str) -> ObjectKey {
        ObjectKey { namespace: self.namespace.clone(), name: name.to_owned() }
    }

    /// The untyped form, in this namespace unless the value names another.
    fn object(&self, value: &K) -> Result<Object, Error> {
        let mut object = Object::from_kind(value)?;
        if K::NAMESPACED && object.metadata.namespace.is_none() {
            object.metadata.namespace.clone_from(&self.namespace);
        }
        Ok(object)
    }

    /// Creates an object.
    ///
    /// # Errors
    /// As for [`Objects::create`].
    pub async fn create(&self, value: &K) -> Result<Typed<K>, Error> {
        Typed::decode(self.objects.create(self.object(value)?).await?)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// As for [`Objects::get`].
    pub async fn get(&self, name: &str) -> Result<Typed<K>, Error> {
        Typed::decode(self.objects.get(&K::group_kind(), &self.key(name)).await?)
    }

    /// Reads all objects whose labels match, and the revision of the read.
    ///
    /// # Errors
    /// As for [`Objects::list`].
    pub async fn list(&self, selector: &Selector) -> Result<(Revision, Vec<Typed<K>>), Error> {
        let found =
            self.objects.list(&K::group_kind(), self.namespace.as_deref(), selector).await?;
        let items = found.items.into_iter().map(Typed::decode).collect::<Result<_, _>>()?;
        Ok((found.revision, items))
    }

    /// Replaces an object; status is ignored.
    ///
    /// # Errors
    /// As for [`Objects::update`].
    pub async fn update(&self, value: &K) -> Result<Typed<K>, Error> {
        Typed::decode(self.objects.update(self.object(value)?).await?)
    }

    /// Replaces the status of an object.
    ///
    /// # Errors
    /// As for [`Objects::update_status`].
    pub async fn update_status(&self, value: &K) -> Result<Typed<K>, Error> {
        Typed::decode(self.objects.update_status(self.object(value)?).await?)
    }

    /// Requests the deletion of an object.
    ///
    /// # Errors
    /// As for [`Objects::delete`].
    pub async fn delete(&self, name: &str, options: DeleteOptions) -> Result<Deleted, Error> {
        self.objects.delete(&K::group_kind(), &self.key(name), options).await
    }
}
